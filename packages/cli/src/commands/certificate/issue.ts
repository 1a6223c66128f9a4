import type { CommandSpec } from '../../command.js';
import { remoteOptions } from '../../options.js';

export const certificateIssue: CommandSpec = {
  path: ['certificate', 'issue'],
  group: 'Set up',
  summary: 'make a key and have its certificate signed for a device or gateway',
  description:
    'Makes an EC P-256 key here, sends a signing request to the platform and writes ca.pem, cert.pem and key.pem. The key never leaves this machine.',
  options: [
    { flags: '--device <device>', doc: 'device id; it must be registered', required: true },
    { flags: '--out <dir>', doc: 'folder for the files (default: ./<device>)' },
    { flags: '--tenant <tenant>', doc: 'tenant of the device, where the platform has more than one' },
    ...remoteOptions,
  ],
  examples: [
    {
      line: 'millrace certificate issue --device P-104 --out p104',
      doc: 'p104/ca.pem, cert.pem, key.pem (0600)',
    },
    {
      line: 'mosquitto_pub -h 127.0.0.1 -p 8883 --cafile p104/ca.pem --cert p104/cert.pem --key p104/key.pem ...',
      doc: 'publish as that device',
    },
  ],
  load: async () => (await import('../../work/certificate.js')).certificateIssue,
};
