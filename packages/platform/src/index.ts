export type { Role } from './access/model.js';
export {
  checkPlatformConfig,
  checkRoles,
  type PlatformConfig,
  type PlatformRole,
  platformConfig,
  platformRoles,
} from './config.js';
export { Database, migrations } from './database/index.js';
export type { ServiceTls } from './identity/pki.js';
export { type DeviceDirectory, type DeviceEntry, River, type RiverOptions } from './ingest/index.js';
export type { Completeness } from './ledger/index.js';
export { createPlatform, type Platform, type PlatformOptions } from './platform.js';
export type { Tenant } from './registry/model.js';
export type { AttachedBroker } from './status/figures.js';
