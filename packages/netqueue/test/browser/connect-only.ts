// What a page needs that takes items, and no more: its size is measured.
export { connect } from '../../src/index.ts'
