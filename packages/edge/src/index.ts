export { type DriverConfig, type GatewayConfig, gatewayConfig } from './config/declaration.js';
export { checkGatewayConfig, type LoadedConfig, loadGatewayConfig } from './config/load.js';
export { createGateway, type Gateway, type GatewayOptions } from './gateway.js';
export type { DriverStatus, GatewayStatus, TagStatus } from './status.js';
