export * from './backoff.js';
export * from './client.js';
export { brokerAddress } from './connection.js';
export { explainConnectionError } from './connection-errors.js';
export * from './options.js';
