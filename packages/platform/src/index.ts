export type { Role } from './access/model.js';
export { checkPlatformConfig, type PlatformConfig, platformConfig } from './config.js';
export type { ServiceTls } from './identity/pki.js';
export { createPlatform, type Platform, type PlatformOptions } from './platform.js';
export type { Tenant } from './registry/model.js';
export type { AttachedBroker } from './status/figures.js';
