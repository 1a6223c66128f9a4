import { describeBus } from '../conformance.js';

describeBus({
  name: 'embedded',
  open: async () => ({ url: undefined, close: async () => {} }),
  shared: false,
});
