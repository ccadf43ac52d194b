export { booleanSpelling } from './boolean-spelling.js';
export { type FilesProfile, type FilesRequest, profileFiles } from './profile-files.js';
export { profileTable, type RelationColumn } from './profile-table.js';
export { qualityOf, type QualityRequest, type SliceColumn } from './quality.js';
export { asLogFile, TABLE_ENDINGS, tableFormat } from './sources.js';
