import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { Socket } from 'node:net'
import { fromSocket } from './socket.ts'
import { CHANNEL_VARIABLE } from './stdio.ts'
import type { LocalWorker, StartOptions, WorkerExit } from './stdio-workers.ts'

/** The first descriptor that no program uses for something else. */
const CHANNEL = 3

/**
 * A process that runs a file. Its channel is a socket pair on a descriptor of its own, so its standard streams stay usable: it closes with
 * either process, however that ends.
 */
export function startProcess(file: string, options: StartOptions): LocalWorker {
  const { args = [], env = process.env, execPath, cwd, output = 'inherit' } = options
  const { execArgv = execPath === undefined ? process.execArgv : [] } = options
  const child = spawn(execPath ?? process.execPath, [...execArgv, file, ...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...env, [CHANNEL_VARIABLE]: String(CHANNEL) },
    stdio: ['ignore', output, output, 'pipe'],
  })
  const exited = exitOf(child)
  const socket = channelOf(child)
  // child_process makes its sockets without; asked for when the other side ends.
  socket.allowHalfOpen = true
  const id = child.pid ?? 0
  return {
    id,
    duplex: fromSocket(socket, { remoteAddress: `stdio:${id}` }),
    exited,
    terminate: () => tell(child, 'SIGTERM'),
    kill: () => tell(child, 'SIGKILL'),
  }
}

/** Where no descriptor was left for it, Node makes no streams, and says why a tick later: a socket that is closed stands in until then. */
function channelOf({ stdio }: Partial<ChildProcess>): Socket {
  return (stdio?.[CHANNEL] ?? new Socket().destroy()) as Socket
}

/** One that was not started has 0 for its number until Node says so, and a signal to that would go to our own process group. */
function tell(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid !== undefined) child.kill(signal)
}

function exitOf(child: ChildProcess): Promise<WorkerExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, ...(signal !== null && { signal }) }))
    // Also that a signal could not be sent, which is no end.
    child.on('error', (error) => {
      if (child.pid === undefined) resolve({ code: null, error })
    })
  })
}
