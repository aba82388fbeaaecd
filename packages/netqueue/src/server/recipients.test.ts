import { describe, expect, test } from 'vitest'

import { failureOf } from '../../test/support/outcome.ts'
import { NetQueueError } from '../errors/errors.ts'
import { giveToEach } from './recipients.ts'
import type { ServerClient } from './server-client.ts'

const clients = ['ada', 'bob', 'eve'].map((id) => ({ id }) as ServerClient)

describe('what several were to get, and some did not', () => {
  const errors: Record<string, Error> = {
    bob: new NetQueueError('QUEUE_FULL', 'no room', { limit: 'timeout', value: 5, delivered: 'no' }),
    eve: new NetQueueError('CLIENT_GONE', 'gone'),
  }
  const give = async ({ id }: ServerClient): Promise<void> => {
    const error = errors[id]
    if (error !== undefined) throw error
  }

  test('P11: rejects with all that the first error says, and names those who did not get it', async () => {
    const error = (await failureOf(giveToEach(clients, give))) as NetQueueError
    expect(error).toMatchObject({
      code: 'QUEUE_FULL',
      message: '2 of 3 clients did not get it: no room',
      limit: 'timeout',
      value: 5,
      delivered: 'no',
      undone: ['bob', 'eve'],
      cause: errors['bob'],
    })
  })

  test('has no fields that the first error has not', async () => {
    const error = await failureOf(giveToEach(clients.slice(2), give))
    expect(Object.keys(error as object).toSorted()).toEqual(['code', 'name', 'undone'])
  })

  test('rejects with an error that is none of ours as it is', async () => {
    const mine = new TypeError('mine')
    expect(await failureOf(giveToEach(clients, () => Promise.reject(mine)))).toBe(mine)
  })
})
