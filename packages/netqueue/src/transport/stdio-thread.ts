import { inspect } from 'node:util'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { WorkerOptions } from 'node:worker_threads'
import { CHANNEL_KEY } from './stdio.ts'
import { fromPort } from './stdio-port.ts'
import type { LocalWorker, StartOptions, WorkerExit } from './stdio-workers.ts'

/** A thread that runs a file. Its channel is a message port in its `workerData`, which closes when it ends. */
export function startThread(file: string, { args = [], env, execArgv, output = 'inherit' }: StartOptions): LocalWorker {
  const { port1: here, port2: there } = new MessageChannel()
  const isIgnored = output === 'ignore'
  const thread = new Worker(file, {
    argv: [...args],
    // Its own copy, as a process has it.
    env: (env ?? process.env) as NonNullable<Exclude<WorkerOptions['env'], symbol>>,
    ...(execArgv !== undefined && { execArgv: [...execArgv] }),
    workerData: { [CHANNEL_KEY]: there },
    transferList: [there],
    stdout: isIgnored,
    stderr: isIgnored,
  })
  if (isIgnored) for (const stream of [thread.stdout, thread.stderr]) stream.resume()
  const end = (): void => void thread.terminate()
  return {
    id: thread.threadId,
    duplex: fromPort(here, { remoteAddress: `stdio:thread-${thread.threadId}` }),
    exited: exitOf(thread, { isIgnored }),
    terminate: end,
    kill: end,
  }
}

function exitOf(thread: Worker, { isIgnored }: { isIgnored: boolean }): Promise<WorkerExit> {
  let thrown: { error: unknown } | undefined
  thread.on('error', (error: unknown) => {
    thrown = { error }
    // As the runtime says it of a process; of a thread it leaves that to us.
    if (!isIgnored) process.stderr.write(`${inspect(error)}\n`)
  })
  return new Promise((resolve) => {
    thread.once('exit', (code) => resolve({ code, ...thrown }))
  })
}
