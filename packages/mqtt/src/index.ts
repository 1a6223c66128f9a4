export * from './client/index.js';
export * from './codec/publish-properties.js';
export * from './codec/scan.js';
export * from './codec/write-publish.js';
export * from './front-door.js';
export * from './publish-batch.js';
