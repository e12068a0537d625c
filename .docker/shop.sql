-- The tables that capture reads; the demo's generator (python -m streams.demo) has a shop of its own.
CREATE TABLE users(
  id bigserial PRIMARY KEY, email text NOT NULL, name text, ssn text, credit_card text, age int,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE products(
  id bigserial PRIMARY KEY, sku text NOT NULL, name text NOT NULL, price numeric(12,2) NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders(
  id bigserial PRIMARY KEY, customer_id bigint NOT NULL, product_id bigint NOT NULL, amount numeric(12,2) NOT NULL,
  status text NOT NULL, note text, created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now());
ALTER TABLE orders REPLICA IDENTITY FULL;
INSERT INTO users(email, name, ssn, credit_card, age) VALUES ('ada@example.com', 'Ada', '001-12-0001', '4111000000000001', 36);
INSERT INTO products(sku, name, price) VALUES ('SKU-0001', 'Kettle', 39.90);
INSERT INTO orders(customer_id, product_id, amount, status) VALUES (1, 1, 39.90, 'new');
