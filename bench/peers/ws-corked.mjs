// @ts-check
// Not what the documentation of ws shows, but what its users can do: ws makes a system call for each message.

import { webSocketPeer } from './shared/web-socket.mjs'

export const peer = webSocketPeer({
  setup: 'ws over sockets that we cork until the end of the turn',
  isCorked: true,
})
