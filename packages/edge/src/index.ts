export { type DriverConfig, type GatewayConfig, gatewayConfig } from './config/declaration.js';
export { checkGatewayConfig, type LoadedConfig, loadGatewayConfig } from './config/load.js';
export type { DevicePlan, Plan } from './config/plan.js';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.js';
export { Outbox, type OutboxOptions, type OutboxStats, type TakenRow } from './outbox/outbox.js';
export type { TelemetryDraft } from './pipeline/assemble.js';
export type { DriverStatus, GatewayStatus, TagStatus } from './status.js';
export { createUplink, type Uplink, type UplinkOptions } from './uplinks/millrace/uplink.js';
