export type * from './plants/map-types.js';
export { waterPumpingStationMap } from './plants/water-pumping-station/map.js';
