import { CUT_BYTES } from './batch.ts'
import { ByteWriter } from './bytes.ts'

/** Memory that connections share. */
export class Workspace {
  /** Where frames are built: each is, in one go. */
  readonly out: ByteWriter = new ByteWriter(new Uint8Array(CUT_BYTES))
}
