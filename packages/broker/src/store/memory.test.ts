import { storeConformance } from './conformance.js';
import { MemoryStore } from './memory.js';

storeConformance(() => {
  const store = new MemoryStore();
  return { durable: false, open: () => store, remove: () => {} };
});
