export * from './event-stream.js';
export * from './transport.js';
