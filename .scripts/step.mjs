import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const path = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`

/** The package manager at the version that package.json pins, wherever npm is. */
export const pnpm = (...args) => ['npx', '-y', '--prefer-offline', '-p', packageManager, '--', 'pnpm', ...args]

class StepFailed extends Error {
  constructor(message, output) {
    super(message)
    this.output = output
  }
}

/** Runs a command, and says in one growing line how long it takes. Its output appears when it fails, or as it comes with `show`. */
export async function step(title, [command, ...args], { show = false, env = {} } = {}) {
  const start = performance.now()
  const elapsed = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  process.stdout.write(`netqueue: ${title} …${show ? '\n' : ''}`)
  const stillGoing = setInterval(() => process.stdout.write(show ? '' : ` ${elapsed()} …`), 5_000)
  const { code, output } = await run(command, args, show, env).finally(() => clearInterval(stillGoing))
  if (code !== 0) throw new StepFailed(`${title} failed after ${elapsed()}: ${command} ${args.join(' ')}`, output)
  console.log(show ? `netqueue: ${title} took ${elapsed()}` : ` ${elapsed()}`)
}

function run(command, args, show, env) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, PATH: path, ...env },
    stdio: ['ignore', ...(show ? ['inherit', 'inherit'] : ['pipe', 'pipe'])],
  })
  const chunks = []
  child.stdout?.on('data', (chunk) => chunks.push(chunk))
  child.stderr?.on('data', (chunk) => chunks.push(chunk))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: Buffer.concat(chunks).toString() }))
  })
}

/** Runs a whole script; where a step fails, its name is the last line and the exit code is 1. */
export async function main(script) {
  try {
    await script()
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    console.error(`\n${error.output}\nnetqueue: ${error.message}`)
    process.exitCode = 1
  }
}
