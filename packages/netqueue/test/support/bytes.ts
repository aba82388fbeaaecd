export { collect, ending, pattern, pieces } from '../../src/conformance/bytes.ts'
