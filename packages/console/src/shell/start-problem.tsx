import { Link } from '@tanstack/react-router';
import { Empty, Problem } from '../ui/notes';

/** The console could not start: the platform did not say who is signed in. */
export function StartProblem({ error }: { error: unknown }) {
  return (
    <main className="alone">
      <Problem what="The console" error={error} retry={() => window.location.reload()} />
    </main>
  );
}

/** An address that leads nowhere. */
export function NotFound() {
  return (
    <main className="alone">
      <Empty title="There is no such page">
        <Link to="/" className="text-link">
          Go to the overview
        </Link>
      </Empty>
    </main>
  );
}
