export * from './api.generated.js';
export * from './event-stream.js';
export * from './transport.js';
