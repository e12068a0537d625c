-- Three tables, a history that triggers write, and a load that the server makes by itself.
CREATE TABLE accounts(id bigint PRIMARY KEY, version int NOT NULL, amount numeric(12,2) NOT NULL, owner text NOT NULL,
                      is_open boolean NOT NULL);
CREATE TABLE orders(id bigint PRIMARY KEY, version int NOT NULL, amount numeric(12,2) NOT NULL, customer_id bigint NOT NULL,
                    status text NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, note text);
CREATE TABLE visits(id bigint PRIMARY KEY, version int NOT NULL, amount numeric(12,2) NOT NULL, page text NOT NULL,
                    seconds double precision NOT NULL, facts jsonb);

-- Unlogged: it adds nothing to the log that the readers read.
CREATE UNLOGGED TABLE history(seq bigserial PRIMARY KEY, xid bigint NOT NULL, tab text NOT NULL, op text NOT NULL,
                              id bigint NOT NULL, version int, amount text);

CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO history(xid, tab, op, id)
    SELECT pg_current_xact_id()::text::bigint, TG_TABLE_NAME, 'd', id FROM gone;
  ELSE
    INSERT INTO history(xid, tab, op, id, version, amount)
    SELECT pg_current_xact_id()::text::bigint, TG_TABLE_NAME, CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END,
           id, version, amount::text FROM come;
  END IF;
  RETURN NULL;
END $$;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['accounts', 'orders', 'visits'] LOOP
    EXECUTE format('CREATE TRIGGER remember_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS come'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION remember()', name);
    EXECUTE format('CREATE TRIGGER remember_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS come'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION remember()', name);
    EXECUTE format('CREATE TRIGGER remember_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS gone'
                   ' FOR EACH STATEMENT EXECUTE FUNCTION remember()', name);
  END LOOP;
END $$;

CREATE PROCEDURE add_rows(name text, first bigint, last bigint) LANGUAGE plpgsql AS $$
BEGIN
  CASE name
    WHEN 'accounts' THEN
      INSERT INTO accounts SELECT i, 1, i % 100000 / 100.0, 'owner ' || i, i % 7 <> 0 FROM generate_series(first, last) i;
    WHEN 'orders' THEN
      INSERT INTO orders
      SELECT i, 1, i % 100000 / 100.0, i % 997, 'new', now(), now(), CASE WHEN i % 3 = 0 THEN repeat('n', (i % 200)::int) END
      FROM generate_series(first, last) i;
    WHEN 'visits' THEN
      INSERT INTO visits
      SELECT i, 1, i % 100 / 100.0, '/page/' || i % 50, i % 1000 / 7.0, jsonb_build_object('n', i, 'tags', ARRAY['a', 'b'])
      FROM generate_series(first, last) i;
  END CASE;
END $$;

-- `wanted` changes in transactions of 1 to 1000 rows and, in the middle, one of `largest` (0: none). Rows live from
-- `lowest` to `highest` of each table without holes, so every statement changes exactly as many as it names.
CREATE PROCEDURE load_changes(lane int, wanted int, largest int) LANGUAGE plpgsql AS $$
DECLARE
  names text[] := ARRAY['accounts', 'orders', 'visits'];
  lowest bigint[] := array_fill(lane * 1000000000::bigint + 1, ARRAY[3]);
  highest bigint[] := array_fill(lane * 1000000000::bigint, ARRAY[3]);
  done int := 0;
  size int;
  part int;
  t int;
  chance float;
  first bigint;
BEGIN
  PERFORM setseed(lane / 100.0);
  WHILE done < wanted LOOP
    IF largest > 0 AND done >= wanted / 2 THEN
      CALL add_rows('orders', highest[2] + 1, highest[2] + largest / 2);
      UPDATE orders SET version = version + 1, status = 'paid' WHERE id BETWEEN highest[2] + 1 AND highest[2] + largest / 4;
      DELETE FROM orders WHERE id BETWEEN highest[2] + 1 AND highest[2] + largest - largest / 2 - largest / 4;
      lowest[2] := highest[2] + largest - largest / 2 - largest / 4 + 1;
      highest[2] := highest[2] + largest / 2;
      done := done + largest;
      largest := 0;
      COMMIT;
      CONTINUE;
    END IF;
    size := least(1 + floor(1000 * random() ^ 3)::int, wanted - done);
    WHILE size > 0 LOOP
      part := 1 + floor(random() * size)::int;
      t := 1 + floor(random() * 3)::int;
      chance := random();
      IF chance < 0.5 OR highest[t] - lowest[t] + 1 < part THEN
        CALL add_rows(names[t], highest[t] + 1, highest[t] + part);
        highest[t] := highest[t] + part;
      ELSIF chance < 0.85 THEN
        first := lowest[t] + floor(random() * (highest[t] - lowest[t] + 2 - part))::bigint;
        EXECUTE format('UPDATE %I SET version = version + 1, amount = amount + 0.01 WHERE id BETWEEN $1 AND $2', names[t])
        USING first, first + part - 1;
      ELSE
        EXECUTE format('DELETE FROM %I WHERE id BETWEEN $1 AND $2', names[t]) USING lowest[t], lowest[t] + part - 1;
        lowest[t] := lowest[t] + part;
      END IF;
      size := size - part;
      done := done + part;
    END LOOP;
    COMMIT;
  END LOOP;
END $$;
