export * from './counters.js';
export * from './deadband.js';
export * from './retry.js';
export * from './signals.js';
