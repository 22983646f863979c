SELECT
    chosen.option AS option,
    market_sales.month AS month,
    market_sales.seller AS seller,
    sum(market_sales.units) AS units
FROM market_sales
INNER JOIN (
    SELECT DISTINCT options.option, options.category FROM options WHERE options.chosen
) AS chosen ON market_sales.category = chosen.category
GROUP BY chosen.option, market_sales.month, market_sales.seller
