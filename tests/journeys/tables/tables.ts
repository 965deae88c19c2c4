/**
 * Eight public tables as eight people have them, and what a person who knows each would expect of it. Margins are well inside
 * of what refits on other splits moved by, and far above what a model that learnt nothing reaches.
 */
export interface TableCase {
  readonly project: string;
  /** What people type after `slipway init PROJECT`. */
  readonly args: readonly string[];
  readonly rows: number;
  readonly task: 'binary' | 'multiclass' | 'regression';
  readonly positive?: string;
  readonly split: { readonly by: 'time' | 'group' | 'random'; readonly column?: string; readonly reason: RegExp };
  /** What the table needed before it could be read, if anything. */
  readonly mended?: RegExp;
  readonly leftOut: Readonly<Record<string, RegExp>>;
  readonly suspected: Readonly<Record<string, RegExp>>;
  /** Columns that somebody is warned of. */
  readonly strong?: Readonly<Record<string, RegExp>>;
  readonly few?: boolean;
  /** The loss that the gate judges by: the candidate's is at most `share` of that of guessing. */
  readonly beats: { readonly metric: 'logLoss' | 'rmse'; readonly share: number };
  readonly atLeast: Readonly<Record<string, number>>;
  /** One of these is the column that the model goes by most. */
  readonly best: readonly string[];
  /** A change of the inputs that a monitor must not overlook. */
  readonly shift: readonly string[];
  /** What the monitor calls it: a warning where the answers hardly suffer. */
  readonly noticed: 'alert' | 'warning';
}

const filmsQuery = 'select title, year, length, mpaa, Animation from movies';
const atRandom = { by: 'random', reason: /no date and no group/ } as const;
const counter = { 'Unnamed: 0': /names the row/ };

export const tables: readonly TableCase[] = [
  {
    // Binary, with a column filled in after the outcome and one that nearly gives it away. Free light chains (R survival).
    project: 'survival',
    args: ['--from', '../patients.csv', '--target', 'death', '--drop', 'futime'],
    rows: 7874,
    task: 'binary',
    positive: '1',
    split: atRandom,
    leftOut: { ...counter, futime: /--drop says so/ },
    suspected: { chapter: /filled in almost only where the outcome is "1"/ },
    beats: { metric: 'logLoss', share: 0.8 },
    atLeast: { auc: 0.8 },
    best: ['age'],
    shift: ['age=+15'],
    noticed: 'alert',
  },
  {
    // Several classes from many columns, some of them constant. Handwritten digits (scikit-learn).
    project: 'digits',
    args: ['--from', '../digits.csv', '--target', 'target'],
    rows: 1797,
    task: 'multiclass',
    split: atRandom,
    leftOut: { pixel_0_0: /0 in every row/, pixel_4_0: /0 in every row/, pixel_4_7: /0 in every row/ },
    suspected: {},
    beats: { metric: 'logLoss', share: 0.15 },
    atLeast: { accuracy: 0.93 },
    best: ['pixel_2_5', 'pixel_4_4', 'pixel_3_4', 'pixel_5_2', 'pixel_4_2'],
    shift: ['pixel_2_5=null', 'pixel_4_4=null', 'pixel_5_2=null'],
    noticed: 'warning',
  },
  {
    // A number, from numbers and texts. Diamonds (R ggplot2).
    project: 'diamonds',
    args: ['--from', '../diamonds.parquet', '--target', 'price'],
    rows: 53_940,
    task: 'regression',
    split: atRandom,
    leftOut: {},
    suspected: {},
    beats: { metric: 'rmse', share: 0.18 },
    atLeast: { r2: 0.97 },
    best: ['carat', 'x', 'y', 'z'],
    shift: ['carat=+30%'],
    noticed: 'alert',
  },
  {
    // Rows in time, with dates like 2012/01/31 and a class that the latest lack. Weather of Seattle (vega_datasets).
    project: 'seattle',
    args: ['--from', '../weather.csv', '--target', 'weather'],
    rows: 1461,
    task: 'multiclass',
    split: { by: 'time', column: 'date', reason: /judged on the latest/ },
    mended: /"date" is a date written like 2026\/01\/31/,
    leftOut: { date: /orders the rows/ },
    suspected: {},
    beats: { metric: 'logLoss', share: 0.88 },
    atLeast: { accuracy: 0.62 },
    best: ['precipitation'],
    shift: ['precipitation=shuffle'],
    noticed: 'alert',
  },
  {
    // Several answers of each person, and the answer itself in another column. Verbal aggression (R lme4).
    project: 'quarrels',
    args: ['--from', '../answers.ndjson', '--target', 'r2'],
    rows: 7584,
    task: 'binary',
    positive: 'Y',
    split: { by: 'group', column: 'id', reason: /whole groups are held out/ },
    leftOut: { ...counter, id: /names what rows belong to/ },
    suspected: { resp: /almost without error \(AUC 1\.000\)/ },
    beats: { metric: 'logLoss', share: 0.93 },
    atLeast: { auc: 0.7 },
    best: ['item'],
    shift: ['Anger=+40'],
    noticed: 'alert',
  },
  {
    // Titles, from a database by a query. Films (R ggplot2).
    project: 'cartoons',
    args: ['--from', '../movies.db', '--query', filmsQuery, '--target', 'Animation', '--cost', '1:10'],
    rows: 58_788,
    task: 'binary',
    positive: '1',
    split: atRandom,
    leftOut: {},
    suspected: {},
    strong: { length: /tells the outcomes apart well/ },
    beats: { metric: 'logLoss', share: 0.6 },
    atLeast: { auc: 0.9 },
    best: ['length'],
    shift: ['length=+200%'],
    noticed: 'alert',
  },
  {
    // One of fourteen. Trainees of a jobs programme beside people who were not in it (R Ecdat).
    project: 'training',
    args: ['--from', '../trainees.csv', '--target', 'treat'],
    rows: 2675,
    task: 'binary',
    positive: 'true',
    split: atRandom,
    leftOut: counter,
    suspected: {},
    strong: { re74: /tells the outcomes apart well/, re75: /tells the outcomes apart well/ },
    beats: { metric: 'logLoss', share: 0.5 },
    atLeast: { auc: 0.95 },
    best: ['re75'],
    shift: ['re74=0', 're75=0'],
    noticed: 'alert',
  },
  {
    // A hundred rows, with semicolons and decimal commas. Standing of occupations (R car).
    project: 'standing',
    args: ['--from', '../occupations.csv', '--target', 'prestige'],
    rows: 102,
    task: 'regression',
    split: atRandom,
    mended: /separated by semicolons.*"education" is written with decimal commas/,
    leftOut: { occupation: /names the row/ },
    suspected: {},
    few: true,
    beats: { metric: 'rmse', share: 0.75 },
    atLeast: { r2: 0.5 },
    best: ['education'],
    shift: ['education=+30%'],
    noticed: 'alert',
  },
];
