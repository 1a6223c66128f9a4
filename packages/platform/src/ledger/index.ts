export { GapMonitor, type GapMonitorOptions } from './gap-monitor.js';
export { Ledger } from './ledger.js';
export {
  type Completeness,
  type CompletenessRange,
  type GapQuery,
  LedgerService,
  type StoredGap,
} from './service.js';
