import { describe } from 'vitest'

import { websocket } from '../src/transport/websocket.ts'
import { attacked } from './support/attacked.ts'

attacked.address = 'ws://127.0.0.1:0'
attacked.transports = [websocket()]

describe('over WebSocket', async () => {
  await import('./hostile-input.test.ts')
  await import('./talk-attacks-content.test.ts')
})
