import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { createCalendar, isTimeZone, windowKinds } from './calendar.ts';

const iso = (at: number): string => new Date(at).toISOString();

test('weeks of New York run Monday to Sunday, also over the change of the clock', () => {
  const week = createCalendar('week', 'America/New_York');
  const last = week.windowAt(Date.parse('2013-04-25T12:00Z'));
  assert.deepEqual([iso(last.from), iso(last.to)], ['2013-04-22T04:00:00.000Z', '2013-04-29T04:00:00.000Z']);
  const spring = week.windowAt(Date.parse('2013-03-10T12:00Z'));
  assert.deepEqual([iso(spring.from), iso(spring.to)], ['2013-03-04T05:00:00.000Z', '2013-03-11T04:00:00.000Z']);
  assert.equal(week.windowAt(Date.parse('2013-04-29T03:59:59.999Z')).from, last.from);
  assert.equal(week.windowAt(Date.parse('2013-04-29T04:00Z')).from, last.to);
});

test('days, months and hours', () => {
  const zone = 'America/New_York';
  const day = createCalendar('day', zone);
  const long = day.windowAt(Date.parse('2013-11-03T12:00Z'));
  assert.equal(long.to - long.from, 25 * 3_600_000);
  assert.equal(day.dayOf(Date.parse('2013-04-29T03:59Z')), day.dayOf(Date.parse('2013-04-28T20:00Z')));
  const month = createCalendar('month', zone).windowAt(Date.parse('2013-12-31T23:00Z'));
  assert.deepEqual([iso(month.from), iso(month.to)], ['2013-12-01T05:00:00.000Z', '2014-01-01T05:00:00.000Z']);
  const hour = createCalendar('hour', 'Asia/Kolkata').windowAt(Date.parse('2024-05-05T10:10Z'));
  assert.equal(iso(hour.from), '2024-05-05T09:30:00.000Z');
  // Midnight does not exist on this day in Chile: the day begins at one o'clock.
  const chile = createCalendar('day', 'America/Santiago').windowAt(Date.parse('2022-09-11T12:00Z'));
  assert.equal(chile.to - chile.from, 23 * 3_600_000);
});

test('windows of every kind follow each other without gap or overlap', () => {
  const zones = ['UTC', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe', 'Pacific/Apia'];
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(2012, 0, 1), max: Date.UTC(2026, 0, 1) }),
      fc.constantFrom(...windowKinds),
      fc.constantFrom(...zones),
      (at, kind, zone) => {
        const calendar = createCalendar(kind, zone);
        const window = calendar.windowAt(at);
        assert.ok(window.from <= at && at < window.to);
        assert.deepEqual(calendar.windowAt(window.from), window);
        assert.deepEqual(calendar.windowAt(window.to - 1), window);
        assert.equal(calendar.windowAt(window.to).from, window.to);
      },
    ),
    { numRuns: 300 },
  );
});

test('a name that is no zone is known as such', () => {
  assert.equal(isTimeZone('Europe/Paris'), true);
  assert.equal(isTimeZone('Mars/Olympus'), false);
});

test('the local date is that of the runtime, also on the days on which clocks change and before 1970', () => {
  const zones = ['America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'America/Recife', 'Asia/Gaza'];
  for (const zone of zones) {
    const calendar = createCalendar('day', zone);
    const local = new Intl.DateTimeFormat('en-CA', { timeZone: zone, dateStyle: 'short' });
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(1968, 0, 1), max: Date.UTC(2030, 0, 1) }), (at) => {
        assert.equal(new Date(calendar.dayOf(at) * 86_400_000).toISOString().slice(0, 10), local.format(at));
      }),
      { numRuns: 300 },
    );
  }
  // Clocks of Recife went back after a week of summer time, at midnight: the day between has 25 hours.
  const recife = createCalendar('day', 'America/Recife');
  const back = recife.windowAt(Date.parse('2000-10-14T12:00Z'));
  assert.equal(back.to - back.from, 25 * 3_600_000);
});
