import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
} from '@tanstack/react-router';
import { isSignedOut } from './api/client';
import { type DeviceFilter, type RecordFilter, sessionQuery } from './api/queries';
import { rangeSearch } from './lib/range';
import { feed } from './live/feed';
import { connectFeed } from './live/sink';
import { OverviewPage } from './pages/overview/overview-page';
import { SignInPage } from './pages/sign-in/sign-in-page';
import { queryClient, toSignIn, whenLeaving } from './session';
import { Shell } from './shell/shell';
import { NotFound, StartProblem } from './shell/start-problem';

connectFeed(feed, queryClient, () => toSignIn('expired'));

whenLeaving((why) => {
  if (router.state.location.pathname === '/sign-in') return;
  feed.stop();
  const next = why === 'expired' ? router.state.location.href : undefined;
  void router.navigate({ to: '/sign-in', search: { why, next }, replace: true });
});

const root = createRootRoute({ notFoundComponent: NotFound });

// The router reads `id=7` as a number; here it is a name all the same.
const text = (value: unknown) =>
  typeof value === 'number' ? String(value) : typeof value === 'string' && value !== '' ? value : undefined;

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (
    search,
  ): { token?: string | undefined; next?: string | undefined; why?: string | undefined } => ({
    token: search.token === undefined ? undefined : String(search.token),
    next: text(search.next),
    why: text(search.why),
  }),
  component: SignInPage,
});

const app = createRoute({
  getParentRoute: () => root,
  id: 'app',
  validateSearch: rangeSearch,
  search: { middlewares: [retainSearchParams(['range', 'from', 'to'])] },
  beforeLoad: async ({ location }) => {
    try {
      return { session: await queryClient.ensureQueryData(sessionQuery) };
    } catch (error) {
      if (!isSignedOut(error)) throw error;
      const next = location.href === '/' ? undefined : location.href;
      throw redirect({ to: '/sign-in', search: { next }, replace: true });
    }
  },
  errorComponent: StartProblem,
  component: Shell,
});

const overview = createRoute({
  getParentRoute: () => app,
  path: '/',
  validateSearch: (search): DeviceFilter =>
    Object.fromEntries(
      ['q', 'state', 'type', 'site', 'area', 'line', 'sort']
        .map((name) => [name, text(search[name])])
        .filter(([, value]) => value !== undefined),
    ),
  component: OverviewPage,
});

const device = createRoute({
  getParentRoute: () => app,
  path: '/devices/$deviceId',
  validateSearch: (
    search,
  ): {
    tags?: string | undefined;
    interval?: string | undefined;
    quality?: 'good' | undefined;
    view?: 'table' | 'gaps' | undefined;
  } => ({
    tags: text(search.tags),
    interval: text(search.interval),
    quality: search.quality === 'good' ? 'good' : undefined,
    view: search.view === 'table' || search.view === 'gaps' ? search.view : undefined,
  }),
  component: lazyRouteComponent(() => import('./pages/device/device-page'), 'DevicePage'),
});

const deviceRecord = createRoute({
  getParentRoute: () => app,
  path: '/devices/$deviceId/record',
  component: lazyRouteComponent(() => import('./pages/record/device-record-page'), 'DeviceRecordPage'),
});

const record = createRoute({
  getParentRoute: () => app,
  path: '/record',
  validateSearch: (search): RecordFilter =>
    Object.fromEntries(
      ['q', 'site', 'only', 'sort']
        .map((name) => [name, text(search[name])])
        .filter(([, value]) => value !== undefined),
    ),
  component: lazyRouteComponent(() => import('./pages/record/record-page'), 'RecordPage'),
});

const deadLetters = createRoute({
  getParentRoute: () => app,
  path: '/dead-letters',
  validateSearch: (search): { id?: string | undefined } => ({ id: text(search.id) }),
  component: lazyRouteComponent(() => import('./pages/dead-letters/dead-letters-page'), 'DeadLettersPage'),
});

const events = createRoute({
  getParentRoute: () => app,
  path: '/events',
  validateSearch: (search): { device?: string | undefined } => ({ device: text(search.device) }),
  component: lazyRouteComponent(() => import('./pages/events/events-page'), 'EventsPage'),
});

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    app.addChildren([overview, device, deviceRecord, record, deadLetters, events]),
  ]),
  scrollRestoration: true,
  defaultPreload: 'intent',
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
