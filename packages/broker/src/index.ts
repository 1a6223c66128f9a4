export * from './broker.js';
export { type BrokerLimits, type ConnectionLimits, defaultBrokerLimits } from './limits.js';
export type { ListenerOptions, TlsMaterial } from './listener.js';
export * from './open-door.js';
export { MemoryStore } from './store/memory.js';
export { SqliteStore } from './store/sqlite.js';
export type { SessionStore, StoredSession, StoredState } from './store/store.js';
