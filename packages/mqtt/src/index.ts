export * from './front-door.js';
export * from './publish-batch.js';
