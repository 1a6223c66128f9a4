export * from './device-type.js';
export { deviceTypes } from './device-types/registry.generated.js';
export * from './envelope.js';
export * from './events.js';
export * from './quality.js';
export * from './topics.js';
