export { type ClockState, median } from './model.js';
export { ClockService, type ClockView, driftLimitMsDefault } from './service.js';
