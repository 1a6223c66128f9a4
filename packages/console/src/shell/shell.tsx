import { Link, Outlet, useLocation, useParams, useRouteContext } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { after } from '../lib/clock';
import type { RangeSearch } from '../lib/range';
import { useNarrow } from '../lib/use-media';
import { feed } from '../live/feed';
import { LinkState } from './link-state';
import { Palette } from './palette';
import { PreferencesMenu } from './preferences-menu';
import { RangePicker } from './range-picker';
import { Tree } from './tree';

/** The frame of every page: the plant at the left, range, search and link at the top. */
export function Shell() {
  const { session } = useRouteContext({ from: '/app' });
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const narrow = useNarrow();
  const { pathname } = useLocation();
  const { deviceId } = useParams({ strict: false });
  useFeed(deviceId);
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPalette(true);
      } else if (event.key === 'Escape') setDrawer(false);
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
  const hasRange = pathname.startsWith('/devices/') || pathname === '/record';
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the page
      </a>
      {narrow && !drawer ? null : <Sidebar narrow={narrow} onChosen={() => setDrawer(false)} />}
      <header className="top-bar" data-range={hasRange}>
        {narrow ? (
          <button
            type="button"
            className="button icon bare"
            aria-label="Plant and pages"
            aria-expanded={drawer}
            onClick={() => setDrawer(!drawer)}
          >
            <svg className="glyph" viewBox="0 0 12 12" aria-hidden="true">
              <path d="M1 2.5h10M1 6h10M1 9.5h10" stroke="currentColor" strokeWidth="1.5" />
            </svg>
          </button>
        ) : null}
        <SearchButton narrow={narrow} onOpen={() => setPalette(true)} />
        {hasRange ? <RangePicker /> : null}
        <LinkState />
        <PreferencesMenu session={session} />
      </header>
      <main id="main" className="main" tabIndex={-1}>
        <Outlet />
      </main>
      {palette ? <Palette onClose={() => setPalette(false)} /> : null}
    </div>
  );
}

function SearchButton({ narrow, onOpen }: { narrow: boolean; onOpen: () => void }) {
  return (
    <button
      type="button"
      className="button search"
      {...(narrow ? { 'aria-label': 'Search' } : {})}
      onClick={onOpen}
    >
      <svg className="glyph" viewBox="0 0 12 12" aria-hidden="true">
        <path
          d="M5 1.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM7.5 7.5 11 11"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.5"
        />
      </svg>
      {narrow ? null : (
        <>
          <span className="quiet">Search</span>
          <kbd className="kbd">Ctrl K</kbd>
        </>
      )}
    </button>
  );
}

/** A tab that nobody looks at gives its connection back after this long: a browser has six for a host (HTTP/1.1), ms. */
const hiddenMsMax = 10_000;

/** Follows live data for as long as the page is looked at. */
function useFeed(deviceId: string | undefined): void {
  useEffect(() => {
    let cancel = () => {};
    const look = () => {
      cancel();
      if (document.visibilityState === 'visible') feed.start(deviceId);
      else cancel = after(hiddenMsMax, () => feed.stop());
    };
    look();
    document.addEventListener('visibilitychange', look);
    return () => {
      cancel();
      document.removeEventListener('visibilitychange', look);
    };
  }, [deviceId]);
  useEffect(() => () => feed.stop(), []);
}

/** Completeness is asked of days, not of minutes; a range that was chosen is kept. */
export const recordSearch = (before: RangeSearch): RangeSearch =>
  before.range === undefined && before.from === undefined
    ? { range: '24h' }
    : { range: before.range, from: before.from, to: before.to };

function Sidebar({ narrow, onChosen }: { narrow: boolean; onChosen: () => void }) {
  return (
    <>
      {narrow ? <div className="scrim" onPointerDown={onChosen} /> : null}
      <nav className="sidebar" aria-label="Plant and pages">
        <Link to="/" className="product" onClick={onChosen}>
          Millrace
        </Link>
        <ul className="pages">
          <li>
            <Link to="/" activeOptions={{ exact: true, includeSearch: false }} onClick={onChosen}>
              Overview
            </Link>
          </li>
          <li>
            <Link
              to="/record"
              search={recordSearch}
              activeOptions={{ includeSearch: false }}
              onClick={onChosen}
            >
              Record
            </Link>
          </li>
          <li>
            <Link to="/events" onClick={onChosen}>
              Events
            </Link>
          </li>
          <li>
            <Link to="/dead-letters" onClick={onChosen}>
              Dead letters
            </Link>
          </li>
        </ul>
        <Tree onChosen={onChosen} />
      </nav>
    </>
  );
}
