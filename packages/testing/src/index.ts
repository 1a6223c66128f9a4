export * from './manual-clock.js';
export * from './peers.js';
export * from './ports.js';
export * from './postgres.js';
export * from './product.js';
export * from './seeds.js';
export * from './temp-dir.js';
export * from './wait.js';
