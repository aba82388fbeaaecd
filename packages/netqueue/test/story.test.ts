import { expect, test } from 'vitest'

import type { ServerClient } from '../src/index.ts'
import { Place, rest } from './support/nodes.ts'

test('the story: a worker takes three items and dies, a second one finishes, and nothing is lost', async () => {
  await using place = new Place()
  const story: string[] = []
  const server = await place.listen({ id: 'server' })
  server.on('connect', ({ client }) => story.push(`${client.id} comes`))
  server.on('disconnect', ({ client, unsettled, error }) =>
    story.push(`${client.id} is gone (${error?.code ?? 'goodbye'}) with ${unsettled} items`),
  )

  // Six submits wait; nobody is there yet.
  const results = Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map((item) => server.submit(item)))
  story.push(`${server.backlog} items wait`)

  // The first worker takes three: it finishes one, works on one, and has not begun the last.
  const { client: first, lose } = await place.attach(server, { id: 'first', prefetch: 2 })
  first
    .process(
      async (item, { attempt, signal }) => {
        story.push(`first begins ${item}, attempt ${attempt}`)
        if (item === 'a') return 'A by first'
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
        return 'too late'
      },
      { concurrency: 1 },
    )
    .catch((error: Error & { code: string }) => story.push(`first’s work ends: ${error.code}`))
  await rest()
  story.push(`first has ${(server.clients[0] as ServerClient).inFlight} items, ${server.backlog} wait`)

  // It dies, and what it held goes back to the head.
  lose()
  await rest()
  story.push(`${server.backlog} items wait`)

  // A second one does the rest, beginning with what the first had.
  const second = await place.connect({ id: 'second' })
  const done = second.process((item, { attempt }) => {
    story.push(`second begins ${item}, attempt ${attempt}`)
    return `${item.toUpperCase()} by second`
  })
  expect(await results).toEqual([
    'A by first',
    'B by second',
    'C by second',
    'D by second',
    'E by second',
    'F by second',
  ])
  await server.idle()
  expect(await server.close()).toEqual({ undone: [] })
  await done

  expect(story).toEqual([
    '6 items wait',
    'first comes',
    'first begins a, attempt 1',
    'first begins b, attempt 1',
    'first has 2 items, 3 wait',
    'first is gone (CONNECTION_LOST) with 2 items',
    'first’s work ends: CONNECTION_LOST',
    '5 items wait',
    'second comes',
    'second begins b, attempt 2',
    'second begins c, attempt 2',
    'second begins d, attempt 1',
    'second begins e, attempt 1',
    'second begins f, attempt 1',
    'second is gone (goodbye) with 0 items',
  ])
})
