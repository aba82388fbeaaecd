import { testProtocol } from '../../src/conformance/index.ts'
import type { TestFunctions } from '../../src/conformance/index.ts'
import { defineMessages, json, text, type } from '../../src/index.ts'
import { missionCommander, netQueue, packetmq, packetstream, simpleServer } from '../../src/protocol/index.ts'

const told = { payload: type<string>() }
const asked = { ...told, reply: type<string>() }

/** Each protocol that is not the library's own, wherever JavaScript runs. */
export function protocolSuites(functions: TestFunctions): void {
  testProtocol({ name: 'net-queue', create: netQueue }, functions)
  testProtocol(
    {
      name: 'packetstream',
      create: packetstream,
      messages: defineMessages({ say: { ...told, codec: text() }, ask: { ...asked, codec: text() } }),
      headers: { flags: '5' },
    },
    functions,
  )
  testProtocol({ name: 'packetmq', create: packetmq, messages: defineMessages({ 'app:say': told }) }, functions)
  testProtocol(
    {
      name: 'mission-commander',
      create: missionCommander,
      messages: defineMessages({ say: { ...told, codec: json() } }),
    },
    functions,
  )
  testProtocol(
    {
      name: 'SimpleServer',
      create: simpleServer,
      messages: defineMessages({ message: { ...told, codec: text() } }),
      headers: { lang: 'en' },
    },
    functions,
  )
}
