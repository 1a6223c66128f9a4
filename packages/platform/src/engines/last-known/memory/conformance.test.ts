import { describeLastKnown } from '../conformance.js';

describeLastKnown({
  name: 'memory',
  open: async () => ({ url: undefined, restart: async () => {}, close: async () => {} }),
  shared: false,
});
