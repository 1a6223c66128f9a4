export * from './broker.js';
export type { ListenerOptions, TlsMaterial } from './listener.js';
export * from './open-door.js';
