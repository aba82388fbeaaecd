// @ts-check
// A process of a workload: `node role.mjs WORKLOAD PEER ROLE SETTING`, started by stage.mjs, which then calls the role's methods.

import { ownMicros } from './cpu.mjs'

const [workload, peer, role, setting] = process.argv.slice(2)

// Whoever started this process is gone, or done with it.
process.once('disconnect', () => process.exit())

const roles = await import(`./workloads/${workload}.mjs`)
/** @type {Record<string, (...args: unknown[]) => Promise<unknown>>} */
const methods = {
  ...(await roles[String(role)](peer, JSON.parse(String(setting)))),
  cpuMicros: async () => ownMicros(),
}

process.on('message', (/** @type {{ id: number, method: string, args: unknown[] }} */ { id, method, args }) => {
  const send = (/** @type {object} */ reply) => void (process.connected && process.send?.({ id, ...reply }))
  methods[method]?.(...args).then(
    (value) => send({ value }),
    (error) => send({ error: error instanceof Error ? String(error.stack) : String(error) }),
  )
})
