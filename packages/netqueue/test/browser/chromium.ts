import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Where Chromium is on this machine, if anywhere. `CHROMIUM` says so where it is elsewhere. */
export const chromiumPath: string | undefined = [process.env['CHROMIUM'], ...PLACES].find(
  (path) => path !== undefined && existsSync(path),
)

export function launch(): Promise<Browser> {
  // Without a sandbox of its own: in a container there are no rights to make one, and the pages are ours.
  return chromium.launch({ executablePath: chromiumPath ?? 'chromium', args: ['--no-sandbox', '--disable-gpu'] })
}

/** Serves one page, which loads one script. */
export async function servePage(script: string): Promise<{ http: Server; origin: string }> {
  const http = createServer(({ url }, response) => {
    response.setHeader('content-type', url === '/' ? 'text/html' : 'text/javascript')
    response.end(url === '/' ? '<!doctype html><title>netqueue</title>' : script)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return { http, origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}
