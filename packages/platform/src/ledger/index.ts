export { type Completeness, type CompletenessRange, type Counts, completenessOf } from './account.js';
export { GapMonitor, type GapMonitorOptions } from './gap-monitor.js';
export { Ledger } from './ledger.js';
export {
  type DeviceCounts,
  type GapPlace,
  type GapQuery,
  LedgerService,
  type StoredGap,
} from './service.js';
