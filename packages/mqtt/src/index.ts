export * from './client/index.js';
export * from './front-door.js';
export * from './publish-batch.js';
