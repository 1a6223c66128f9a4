export type { DeviceDirectory, DeviceEntry } from './device-directory.js';
export { type IngestCounts, MillraceIngress } from './ingress.js';
export type { BatchListener } from './publish.js';
export { River, type RiverOptions, type RiverPart } from './river.js';
export { IngestService, type IngestServiceOptions } from './service.js';
