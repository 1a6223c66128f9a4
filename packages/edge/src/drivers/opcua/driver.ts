import type { Driver, DriverContext } from '../driver.js';
import type { Config } from './config.js';
export function createDriver(_c: DriverContext<Config>): Driver {
  throw new Error('x');
}
