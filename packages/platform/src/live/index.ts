export type { LiveValue } from './live-device.js';
export { type DeviceState, staleAfterMs } from './model.js';
export { type LiveOptions, LiveService, type LiveUpdate, type LiveView } from './service.js';
