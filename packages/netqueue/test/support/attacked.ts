import { tcp } from '../../src/index.ts'
import type { Transport } from '../../src/index.ts'

/** Over what attackers come: TCP, unless a file of tests says otherwise before it imports those with the attacks. */
export const attacked: { address: string; transports: readonly Transport[] } = {
  address: 'tcp://127.0.0.1:0',
  transports: [tcp()],
}
