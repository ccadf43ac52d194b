export { profileTable, type RelationColumn } from './profile-table.js';
export { qualityOf, type QualityRequest, type SliceColumn } from './quality.js';
