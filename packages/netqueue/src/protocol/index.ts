export { missionCommander, missionCommanderReconnect } from './mission-commander/mission-commander.ts'
export type { MissionCommanderOptions } from './mission-commander/mission-commander.ts'
export { MissionState, missionStateNames, missionStateOf, stateOfMission } from './mission-commander/states.ts'
export { missionEvent } from './mission-commander/verbs.ts'
export type { MissionEvent } from './mission-commander/verbs.ts'
export { netQueue } from './net-queue/net-queue.ts'
export { simpleServer } from './simple-server/simple-server.ts'
export type { SimpleServerOptions } from './simple-server/simple-server.ts'
export { packetmq } from './packetmq/packetmq.ts'
export type { PacketmqOptions } from './packetmq/settings.ts'
export { decodeBsuint, encodeBsuint } from './packetstream/bsuint.ts'
export type { Bsuint } from './packetstream/bsuint.ts'
export { fulfil } from './packetstream/fulfil.ts'
export type { Fulfilling, Fulfilment } from './packetstream/fulfil.ts'
export { packetstream } from './packetstream/packetstream.ts'
export type { PacketstreamOptions } from './packetstream/packetstream.ts'

// What a protocol of one's own is made of.
export type { FrameLimit, Frames, FrameTaker, Framing, FramingOptions } from '../framing/framing.ts'
export { framingOf } from '../framing/framing.ts'
export { eachRead } from '../framing/layout.ts'
export type { Layout } from '../framing/layout.ts'
export { lengthPrefix } from '../framing/length-prefix.ts'
export type { Progress } from '../framing/progress.ts'
export { MuteWriter } from './mute-writer.ts'
export { listed } from './payloads.ts'
export type { Payloads } from './payloads.ts'
export { plainPeer, refuseStrangers } from './plain-peer.ts'
export type { PlainPeerInit } from './plain-peer.ts'
export type {
  Admission,
  Applicant,
  Claim,
  Evidence,
  Guard,
  Handshake,
  HandshakeInit,
  HandshakeStep,
  Identified,
  Introduction,
  Role,
  Ticket,
} from './handshake.ts'
export type { Direction, Message, Outcome, PeerEnd, Said, SaidInChannel, Writer } from './message.ts'
export type { Intent, Protocol } from './protocol.ts'
export type { ErrorNotice, Peer, Wire } from './wire.ts'
export { unsupported } from './supports.ts'
export type { Supports } from './supports.ts'
