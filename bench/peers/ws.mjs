// @ts-check
import { webSocketPeer } from './shared/web-socket.mjs'

export const peer = webSocketPeer({ setup: 'ws as it is documented', isCorked: false })
