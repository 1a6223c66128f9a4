import type { DeviceType } from '../../device-type.js';
import { contract as v2_1 } from './v2.1/contract.js';

export const deviceType: DeviceType = { name: 'storage_tank', versions: [v2_1] };
