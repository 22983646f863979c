SELECT
    CAST(date_trunc('week', marketing_spend.day) AS DATE) AS week,
    marketing_spend.region AS region,
    marketing_spend.channel AS channel,
    sum(marketing_spend.spend) AS spend
FROM marketing_spend
GROUP BY
    CAST(date_trunc('week', marketing_spend.day) AS DATE),
    marketing_spend.region,
    marketing_spend.channel
