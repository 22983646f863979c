SELECT DISTINCT
    promotions.promotion AS campaign,
    promotions.kind AS kind,
    customers.customer AS customer,
    bought.customer IS NOT NULL AS answered
FROM promotions
INNER JOIN customers ON promotions.region = customers.region
LEFT JOIN (
    SELECT DISTINCT customer, promotion
    FROM sales_lines
    WHERE customer IS NOT NULL AND promotion IS NOT NULL
) AS bought
    ON
        customers.customer = bought.customer
        AND promotions.promotion = bought.promotion
WHERE customers.since IS NULL OR customers.since <= promotions.ends
