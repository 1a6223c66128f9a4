export { type FaultKind, faultKinds, type ServedTag } from './faults.js';
export { createField, type Field, type FieldOptions, type FieldStatus } from './field.js';
export { type JournalEntry, parseJournalLine } from './journal/journal.js';
export { decodeRaw, encodeRaw, failRaw, fromRaw, toRaw } from './modbus/registers.js';
export type { OpcUaCredentials, OpcUaPaths } from './opcua/security.js';
export type * from './plants/map-types.js';
export { plantNames } from './plants/registry.js';
export { waterPumpingStationMap } from './plants/water-pumping-station/map.js';
export type { ReplayOptions, ReplayStatus } from './replay/player.js';
